{{/* Names and labels. Arguments of the labels: (dict "root" $ "component" "master"). */}}

{{- define "load.name" -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "load.selector" -}}
app: site-search-load
component: {{ .component }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{- define "load.labels" -}}
{{ include "load.selector" . }}
app.kubernetes.io/name: site-search-load
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}
