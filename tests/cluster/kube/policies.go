package main

import (
	"context"
	"flag"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/client-go/informers"
	"sigs.k8s.io/kube-network-policies/pkg/networkpolicy"
)

// runPolicies enforces NetworkPolicies on a node until it is told to end.
//
// Upstream's own program runs in a pod and finds the API server there: here it is a process
// beside the kubelet, with a kubeconfig.
func runPolicies() error {
	kubeconfig := flag.String("kubeconfig", "", "the file that names the API server")
	node := flag.String("node", "", "the node's name")
	queue := flag.Int("queue", 0, "the kernel's queue with the packets to decide on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	client, err := makeClient(*kubeconfig)
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	controller, err := networkpolicy.NewController(
		client,
		factory.Networking().V1().NetworkPolicies(),
		factory.Core().V1().Namespaces(),
		factory.Core().V1().Pods(),
		nil, nil, nil, nil,
		networkpolicy.Config{NodeName: *node, QueueID: *queue, NRIdisabled: true},
	)
	if err != nil {
		return err
	}
	factory.Start(ctx.Done())
	return controller.Run(ctx)
}
