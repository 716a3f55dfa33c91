//go:build tools

// Package tools keeps kube-apiserver's command in the module graph, so that go.mod and go.sum pin all it needs.
package tools

import _ "k8s.io/kubernetes/cmd/kube-apiserver"
