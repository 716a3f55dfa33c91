// Counts watch events with client-go's dynamic informer and prints the CPU seconds they took as one JSON line.
//
// The informer lists first, so the server's list is empty and all events come by watch. The handler does nothing but count.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

var resources = map[string]schema.GroupVersionResource{
	"workflows": {Group: "argoproj.io", Version: "v1alpha1", Resource: "workflows"},
	"pods":      {Version: "v1", Resource: "pods"},
}

func cpuSeconds() float64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return float64(used.Utime.Nano()+used.Stime.Nano()) / 1e9
}

// follow returns the number of events that a handler saw and the last one's version.
func follow(server, kind string, expected int) (int, string) {
	client, err := dynamic.NewForConfig(&rest.Config{Host: server, QPS: -1})
	if err != nil {
		panic(err)
	}
	seen, version, done := 0, "", make(chan struct{})
	count := func(object any) {
		seen++
		if seen == expected {
			version = object.(*unstructured.Unstructured).GetResourceVersion()
			close(done)
		}
	}
	factory := dynamicinformer.NewDynamicSharedInformerFactory(client, 0)
	informer := factory.ForResource(resources[kind]).Informer()
	if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    count,
		UpdateFunc: func(_, object any) { count(object) },
		DeleteFunc: count,
	}); err != nil {
		panic(err)
	}
	stop := make(chan struct{})
	factory.Start(stop)
	<-done
	close(stop)
	return seen, version
}

func clientGoVersion() string {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path == "k8s.io/client-go" {
			return strings.TrimPrefix(module.Version, "v")
		}
	}
	return "unknown"
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: goclient SERVER workflows|pods EVENTS")
		os.Exit(2)
	}
	expected, err := strconv.Atoi(os.Args[3])
	if err != nil {
		panic(err)
	}
	cpu, began := cpuSeconds(), time.Now()
	seen, version := follow(os.Args[1], os.Args[2], expected)
	line, _ := json.Marshal(map[string]any{
		"case": "client-go", "kind": os.Args[2], "events": seen, "last_version": version,
		"cpu_s": cpuSeconds() - cpu, "wall_s": time.Since(began).Seconds(),
		"version": "client-go " + clientGoVersion() + ", " + runtime.Version(),
	})
	fmt.Println(string(line))
}
