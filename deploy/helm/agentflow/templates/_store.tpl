{{/*
One pod of a store, for development. Called with (dict "root" $ "name" "image" "user" "ports" "env" "args" "command"
"mountPath" "storage" "resources" "probe" "secrets" "readOnly" "extraMounts" "extraVolumes").
*/}}
{{- define "agentflow.store" -}}
{{- $id := dict "root" .root "name" .name -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "agentflow.meta" $id | nindent 2 }}
spec:
  selector:
    {{- include "agentflow.selector" $id | nindent 4 }}
  publishNotReadyAddresses: {{ .early | default false }}
  ports:
    {{- range $port, $number := .ports }}
    - name: {{ $port }}
      port: {{ $number }}
      targetPort: {{ $port }}
    {{- end }}
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  {{- include "agentflow.meta" $id | nindent 2 }}
spec:
  serviceName: {{ .name }}
  replicas: 1
  selector:
    matchLabels:
      {{- include "agentflow.selector" $id | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "agentflow.labels" $id | nindent 8 }}
      {{- with .checksum }}
      annotations:
        checksum/files: {{ . }}
      {{- end }}
    spec:
      serviceAccountName: agentflow
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: 60
      securityContext:
        {{- include "agentflow.podSecurity" .user | nindent 8 }}
      {{- with .root.Values.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .root.Values.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      containers:
        - name: {{ .name }}
          image: {{ .image }}
          {{- with .command }}
          command: {{ toJson . }}
          {{- end }}
          {{- with .args }}
          args: {{ toJson . }}
          {{- end }}
          env:
            {{- range $name, $value := .env }}
            - name: {{ $name }}
              value: {{ $value | toString | quote }}
            {{- else }}
            []
            {{- end }}
          ports:
            {{- range $port, $number := .ports }}
            - name: {{ $port }}
              containerPort: {{ $number }}
            {{- end }}
          startupProbe:
            {{- toYaml .probe | nindent 12 }}
            periodSeconds: 3
            timeoutSeconds: 10
            failureThreshold: 60
          readinessProbe:
            {{- toYaml .probe | nindent 12 }}
            periodSeconds: 10
            timeoutSeconds: 10
          livenessProbe:
            {{- toYaml .probe | nindent 12 }}
            periodSeconds: 20
            timeoutSeconds: 10
            failureThreshold: 6
          resources:
            {{- toYaml .resources | nindent 12 }}
          securityContext:
            {{- include "agentflow.containerSecurity" .readOnly | nindent 12 }}
          volumeMounts:
            - name: data
              mountPath: {{ .mountPath }}
            - name: tmp
              mountPath: /tmp
            {{- if .secrets }}
            - name: secrets
              mountPath: /run/agentflow/secrets
              readOnly: true
            {{- end }}
            {{- with .extraMounts }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
      volumes:
        - name: tmp
          emptyDir: {}
        {{- if .secrets }}
        - name: secrets
          secret:
            secretName: {{ include "agentflow.secretName" .root }}
            defaultMode: 0440
            items:
              {{- range .secrets }}
              - {key: {{ . }}, path: {{ . }}}
              {{- end }}
        {{- end }}
        {{- with .extraVolumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumeClaimTemplates:
    - metadata:
        name: data
      spec:
        accessModes: [ReadWriteOnce]
        resources:
          requests:
            storage: {{ .storage }}
{{- end }}
