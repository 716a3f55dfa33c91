//go:build tools

// Package tools keeps the commands of kube-score and compose-go in the module graph, so that go.mod and go.sum pin all they need.
package tools

import (
	_ "github.com/compose-spec/compose-go/v2/cmd"
	_ "github.com/zegl/kube-score/cmd/kube-score"
)
