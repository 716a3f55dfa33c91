//go:build tools

// Package tools keeps helm and kustomize in the module graph, so that go.mod and go.sum pin all they need.
package tools

import (
	_ "helm.sh/helm/v3/cmd/helm"
	_ "sigs.k8s.io/kustomize/kustomize/v5"
)
