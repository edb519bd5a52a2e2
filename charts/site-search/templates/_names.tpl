{{/* Names and labels. Arguments of the labels: (dict "root" $ "component" "app"). */}}

{{- define "site-search.name" -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "site-search.selector" -}}
app: site-search
component: {{ .component }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{- define "site-search.labels" -}}
{{ include "site-search.selector" . }}
app.kubernetes.io/name: site-search
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "site-search.secretName" -}}
{{- .Values.secrets.existingSecret | default (printf "%s-secrets" (include "site-search.name" .)) -}}
{{- end }}

{{/* One image reference. Arguments: (dict "image" .Values.redis.image "key" "redis.image" "defaultTag" ""). */}}
{{- define "site-search.image" -}}
{{- $tag := .image.tag | default .defaultTag -}}
{{- if not .image.repository }}{{ fail (printf "%s.repository is not set: name the image to run" .key) }}{{ end -}}
{{- if not $tag }}{{ fail (printf "%s.tag is not set: name the image to run" .key) }}{{ end -}}
{{- printf "%s:%s" .image.repository $tag -}}
{{- end }}

{{- define "site-search.appImage" -}}
{{- include "site-search.image" (dict "image" .Values.app.image "key" "app.image" "defaultTag" .Chart.AppVersion) -}}
{{- end }}
