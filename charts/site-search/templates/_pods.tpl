{{/* What every pod of the platform has in common. */}}

{{- define "site-search.podDefaults" -}}
serviceAccountName: {{ printf "%s-%s" (include "site-search.name" .root) .component }}
automountServiceAccountToken: false
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

{{- define "site-search.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{- define "site-search.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ printf "%s-%s" (include "site-search.name" .root) .component }}
  labels:
    {{- include "site-search.labels" . | nindent 4 }}
automountServiceAccountToken: false
{{- end }}

{{/* The probes that are enabled. Argument: a map of startup, readiness, liveness. */}}
{{- define "site-search.probes" -}}
{{- range $kind := list "startup" "readiness" "liveness" }}
{{- $probe := index $ $kind }}
{{- if $probe.enabled }}
{{ $kind }}Probe:
  {{- omit $probe "enabled" | toYaml | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{/* A pod of a lost node is made anew elsewhere after this time instead of Kubernetes' five minutes. */}}
{{- define "site-search.leaveLostNode" -}}
tolerations:
  {{- range $state := list "not-ready" "unreachable" }}
  - key: node.kubernetes.io/{{ $state }}
    operator: Exists
    effect: NoExecute
    tolerationSeconds: {{ $.root.Values.lostNodeAfterSeconds }}
  {{- end }}
{{- end }}

{{/* Replicas apart from each other; the pods of one revision are counted by themselves. */}}
{{- define "site-search.spread" -}}
topologySpreadConstraints:
  {{- range $key := $.root.Values.spreadOver }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "site-search.selector" $ | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}

{{/* Apart from the other of which there is one: a search needs the engine or a cache, and a lost node takes only one. */}}
{{- define "site-search.apart" -}}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- include "site-search.selector" (dict "root" .root "component" .from) | nindent 14 }}
{{- end }}

{{- define "site-search.podDisruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ printf "%s-%s" (include "site-search.name" .root) .component }}
  labels:
    {{- include "site-search.labels" . | nindent 4 }}
spec:
  maxUnavailable: {{ .maxUnavailable }}
  # A pod that is not ready serves nobody: it must not keep a node from being drained.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "site-search.selector" . | nindent 6 }}
{{- end }}

{{- define "site-search.volumeClaim" -}}
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
