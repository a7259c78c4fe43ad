{{/* What a schema cannot say: which values must fit each other. Refused while rendering, not by a pod that crashes. */}}
{{- define "connector.checks" -}}
{{- if regexMatch "(?m)^[ -]*(key_)?password:" (toYaml .Values.config) -}}
{{- fail "config: a password here would stand in a ConfigMap; put it in a Secret and name that one in secrets" -}}
{{- end -}}
{{- $names := list -}}
{{- $variables := list -}}
{{- range .Values.config.accounts -}}
{{- if has .name $names -}}
{{- fail (printf "config.accounts: the name %q stands twice" .name) -}}
{{- end -}}
{{- $variable := include "connector.variable" .name -}}
{{- if has $variable $variables -}}
{{- fail (printf "config.accounts: two names become the environment name %s; change one" $variable) -}}
{{- end -}}
{{- $names = append $names .name -}}
{{- $variables = append $variables $variable -}}
{{- end -}}
{{- $given := list -}}
{{- range .Values.secrets.smpp -}}
{{- if not (has .account $names) -}}
{{- fail (printf "secrets.smpp: config.accounts has no account %q, only %s" .account (join ", " $names)) -}}
{{- end -}}
{{- if has .account $given -}}
{{- fail (printf "secrets.smpp: the account %q stands twice" .account) -}}
{{- end -}}
{{- $given = append $given .account -}}
{{- end -}}
{{- range .Values.config.accounts -}}
{{- if and (not .password_file) (not (has .name $given)) -}}
{{- fail (printf "secrets.smpp: no password for the account %q; name its Secret, or give the account a password_file" .name) -}}
{{- end -}}
{{- if and .password_file (has .name $given) -}}
{{- fail (printf "secrets.smpp: the account %q has a password_file already; leave one of them out" .name) -}}
{{- end -}}
{{- end -}}
{{- range $stage, $section := dict "route" "route" "express" "route" "submit" "submit" "collect" "collect" -}}
{{- $grace := (index $.Values $stage).terminationGracePeriodSeconds -}}
{{- $drain := dig $section "drain_seconds" 0 $.Values.config -}}
{{- if ge (float64 $drain) (float64 $grace) -}}
{{- fail (printf "%s.terminationGracePeriodSeconds: %v is not longer than config.%s.drain_seconds, %v" $stage $grace $section $drain) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* An account's name as the connector's environment variables spell it. */}}
{{- define "connector.variable" -}}
{{- . | upper | replace "-" "_" | replace "." "_" -}}
{{- end }}
