{{/* Settings that api, worker and migrate share. */}}
{{- define "site-search.environment" -}}
{{- $name := include "site-search.name" . -}}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: APP_VERSION
  value: {{ .Values.app.version | default .Values.app.image.tag | default .Chart.AppVersion | quote }}
- name: LOG_LEVEL
  value: {{ .Values.app.logLevel }}
- name: DATABASE_URL
  valueFrom:
    secretKeyRef:
      {{- if eq .Values.postgresql.mode "cnpg" }}
      name: {{ $name }}-db-app
      key: uri
      {{- else }}
      name: {{ required "postgresql.external.existingSecret is not set: name the secret with the database's URI" .Values.postgresql.external.existingSecret }}
      key: {{ .Values.postgresql.external.existingSecretKey }}
      {{- end }}
- name: REDIS_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ include "site-search.secretName" . }}
      key: redis-password
- name: REDIS_URL
  value: redis://:$(REDIS_PASSWORD)@{{ $name }}-redis:6379/0
- name: MEILISEARCH_URL
  value: http://{{ $name }}-meilisearch:7700
- name: MEILI_MASTER_KEY
  valueFrom:
    secretKeyRef:
      name: {{ include "site-search.secretName" . }}
      key: meili-master-key
- name: SCRAPE_ALLOWED_PRIVATE_HOSTS
  value: {{ join "," .Values.scraper.allowedPrivateHosts | quote }}
{{- end }}
