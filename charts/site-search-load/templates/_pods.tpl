{{/* What the Jobs and their pods have in common. Arguments: (dict "root" $ "component" "master"). */}}

{{- define "load.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ printf "%s-%s" (include "load.name" .root) .component }}
  labels:
    {{- include "load.labels" . | nindent 4 }}
automountServiceAccountToken: false
{{- end }}

{{/* A load that nobody ends or fetches ends by itself, and takes its pods along. Nothing is tried twice: it would be another load. */}}
{{- define "load.jobLimits" -}}
{{- $come := div .root.Values.users .root.Values.spawnedPerSecond -}}
backoffLimit: 0
activeDeadlineSeconds: {{ add $come .root.Values.seconds .root.Values.joinSeconds .root.Values.keepSeconds 60 }}
ttlSecondsAfterFinished: {{ .root.Values.keepSeconds | int }}
{{- end }}

{{- define "load.podDefaults" -}}
serviceAccountName: {{ printf "%s-%s" (include "load.name" .root) .component }}
automountServiceAccountToken: false
enableServiceLinks: false
restartPolicy: Never
# Whoever takes it off wants it gone.
terminationGracePeriodSeconds: 2
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{/* Image and security of every container. Argument: the root. */}}
{{- define "load.program" -}}
{{- with .Values.image -}}
image: {{ printf "%s:%s" (required "image.repository is not set" .repository) (required "image.tag is not set" .tag) }}
{{- end }}
imagePullPolicy: IfNotPresent
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{/* What the locustfile is told, in every one of Locust's processes. Argument: the root. */}}
{{- define "load.environment" -}}
- name: SRE_USERS_SCRIPT
  value: /etc/users/script.json
- name: SRE_USERS_FOLDER
  value: /results
{{- with .Values.target.host }}
- name: SRE_USERS_HOST
  value: {{ . | quote }}
{{- end }}
- name: SRE_USERS_API_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .Values.target.apiKeySecret.name }}
      key: {{ .Values.target.apiKeySecret.key }}
{{- end }}

{{- define "load.mounts" -}}
- name: script
  mountPath: /etc/users
  readOnly: true
- name: results
  mountPath: /results
- name: tmp
  mountPath: /tmp
{{- end }}

{{- define "load.volumes" -}}
- name: script
  configMap:
    name: {{ include "load.name" . }}-script
- name: results
  emptyDir:
    sizeLimit: 2Gi
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- end }}
