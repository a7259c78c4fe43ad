{{/* Metadata of an object of one stage. Takes a dict: root, stage. */}}
{{- define "connector.metadata" -}}
metadata:
  name: {{ include "connector.fullname" .root }}-{{ .stage }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "connector.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .stage }}
{{- end }}

{{/* The pods of one stage. Takes a dict: root, stage. */}}
{{- define "connector.matchLabels" -}}
matchLabels:
  {{- include "connector.selector" .root | nindent 2 }}
  app.kubernetes.io/component: {{ .stage }}
{{- end }}

{{/* The pod's name as an identity in Kafka's group. Takes the variable's name. */}}
{{- define "connector.podName" -}}
name: {{ . }}
valueFrom:
  fieldRef:
    fieldPath: metadata.name
{{- end }}
