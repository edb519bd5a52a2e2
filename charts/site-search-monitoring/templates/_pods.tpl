{{/* What every pod of the monitoring has in common. Arguments: (dict "root" $ "component" "prometheus"). */}}

{{- define "monitoring.podDefaults" -}}
serviceAccountName: {{ printf "%s-%s" (include "monitoring.name" .root) .component }}
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
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

{{/* Image, command, resources and security of one program. Argument: its values. */}}
{{- define "monitoring.program" -}}
image: {{ printf "%s:%s" (required "image.repository is not set" .image.repository) (required "image.tag is not set" .image.tag) }}
imagePullPolicy: IfNotPresent
{{- with .command }}
command:
  {{- toYaml . | nindent 2 }}
{{- end }}
resources:
  {{- toYaml .resources | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{- define "monitoring.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ printf "%s-%s" (include "monitoring.name" .root) .component }}
  labels:
    {{- include "monitoring.labels" . | nindent 4 }}
automountServiceAccountToken: false
{{- end }}

{{/* A cluster role bound to the component's service account. Extra argument: "rules". */}}
{{- define "monitoring.clusterRole" -}}
{{- $name := printf "%s-%s" (include "monitoring.name" .root) .component -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ $name }}
  labels:
    {{- include "monitoring.labels" . | nindent 4 }}
rules:
  {{- toYaml .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ $name }}
  labels:
    {{- include "monitoring.labels" . | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ $name }}
subjects:
  - kind: ServiceAccount
    name: {{ $name }}
    namespace: {{ .root.Release.Namespace }}
{{- end }}

{{- define "monitoring.service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ printf "%s-%s" (include "monitoring.name" .root) .component }}
  labels:
    {{- include "monitoring.labels" . | nindent 4 }}
spec:
  selector:
    {{- include "monitoring.selector" . | nindent 4 }}
  ports:
    - name: http
      port: {{ .port }}
      targetPort: http
{{- end }}

{{- define "monitoring.volumeClaim" -}}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: data
spec:
  accessModes: [ReadWriteOnce]
  {{- with .storageClass }}
  storageClassName: {{ . }}
  {{- end }}
  resources:
    requests:
      storage: {{ .size }}
{{- end }}
