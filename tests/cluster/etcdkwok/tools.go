//go:build tools

// Package tools keeps the commands of etcd and kwok in the module graph, so that go.mod and go.sum pin all they need.
package tools

import (
	_ "go.etcd.io/etcd/server/v3"
	_ "sigs.k8s.io/kwok/cmd/kwok"
)
