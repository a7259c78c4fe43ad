{{/*
The pod of a stage. Takes a dict: root (the chart's context), stage (the stage's name), command (its arguments),
env and volumes, mounts (lists, of this stage only).
*/}}
{{- define "connector.pod" -}}
{{- $root := .root -}}
{{- $values := .root.Values -}}
{{- $own := index $values .stage -}}
metadata:
  labels:
    {{- include "connector.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .stage }}
    {{- with $values.pod.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # A changed configuration restarts the pods.
    checksum/config: {{ toYaml $values.config | sha256sum }}
    {{- with $values.pod.annotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "connector.serviceAccountName" $root }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ $own.terminationGracePeriodSeconds }}
  {{- with $own.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: {{ $values.pod.userId }}
    runAsGroup: {{ $values.pod.userId }}
    fsGroup: {{ $values.pod.userId }}
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  containers:
    - name: {{ .stage }}
      image: {{ include "connector.image" $root | quote }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      args: {{ concat (list "run") .command (list "--config" "/etc/connector/connector.yaml") | toJson }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        runAsNonRoot: true
        capabilities:
          drop: [ALL]
      env:
        - name: SMS_CONNECTOR__TELEMETRY__METRICS_HOST
          value: {{ $values.metrics.host | quote }}
        - name: SMS_CONNECTOR__TELEMETRY__METRICS_PORT
          value: {{ $values.metrics.port | quote }}
        {{- range $values.secrets.smpp }}
        - name: SMS_CONNECTOR__ACCOUNTS__{{ include "connector.variable" .account }}__PASSWORD_FILE
          value: /var/run/connector/smpp/{{ .account }}/password
        {{- end }}
        {{- if $values.secrets.kafka.secretName }}
        - name: SMS_CONNECTOR__KAFKA__SECURITY__PASSWORD_FILE
          value: /var/run/connector/kafka/password
        {{- end }}
        {{- if $values.secrets.registry.secretName }}
        - name: SMS_CONNECTOR__KAFKA__REGISTRY__PASSWORD_FILE
          value: /var/run/connector/registry/password
        {{- end }}
        {{- with .env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
        {{- with $values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        - name: metrics
          containerPort: {{ $values.metrics.port }}
          protocol: TCP
      startupProbe:
        httpGet:
          path: /healthz/live
          port: metrics
        {{- toYaml $values.probes.startup | nindent 8 }}
      livenessProbe:
        httpGet:
          path: /healthz/live
          port: metrics
        {{- toYaml $values.probes.liveness | nindent 8 }}
      readinessProbe:
        httpGet:
          path: /healthz/ready
          port: metrics
        {{- toYaml $values.probes.readiness | nindent 8 }}
      resources:
        {{- toYaml $own.resources | nindent 8 }}
      volumeMounts:
        - name: config
          mountPath: /etc/connector
          readOnly: true
        - name: tmp
          mountPath: /tmp
        {{- range $index, $_ := $values.secrets.smpp }}
        - name: smpp-{{ $index }}
          mountPath: /var/run/connector/smpp/{{ .account }}
          readOnly: true
        {{- end }}
        {{- if $values.secrets.kafka.secretName }}
        - name: kafka
          mountPath: /var/run/connector/kafka
          readOnly: true
        {{- end }}
        {{- if $values.secrets.registry.secretName }}
        - name: registry
          mountPath: /var/run/connector/registry
          readOnly: true
        {{- end }}
        {{- range $index, $_ := $values.secrets.files }}
        - name: files-{{ $index }}
          mountPath: /var/run/connector/files/{{ .name }}
          readOnly: true
        {{- end }}
        {{- with .mounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: config
      configMap:
        name: {{ include "connector.fullname" $root }}
    - name: tmp
      emptyDir:
        sizeLimit: 64Mi
    {{- range $index, $_ := $values.secrets.smpp }}
    - name: smpp-{{ $index }}
      secret:
        secretName: {{ .secretName }}
        defaultMode: 0440
        items:
          - key: {{ .key }}
            path: password
    {{- end }}
    {{- with $values.secrets.kafka }}
    {{- if .secretName }}
    - name: kafka
      secret:
        secretName: {{ .secretName }}
        defaultMode: 0440
        items:
          - key: {{ .key }}
            path: password
    {{- end }}
    {{- end }}
    {{- with $values.secrets.registry }}
    {{- if .secretName }}
    - name: registry
      secret:
        secretName: {{ .secretName }}
        defaultMode: 0440
        items:
          - key: {{ .key }}
            path: password
    {{- end }}
    {{- end }}
    {{- range $index, $_ := $values.secrets.files }}
    - name: files-{{ $index }}
      secret:
        secretName: {{ .secretName }}
        defaultMode: 0440
    {{- end }}
    {{- with .volumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $values.pod.spread }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: {{ . }}
      labelSelector:
        matchLabels:
          {{- include "connector.selector" $root | nindent 10 }}
          app.kubernetes.io/component: {{ $.stage }}
  {{- end }}
  {{- with $values.pod.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.pod.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.pod.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
