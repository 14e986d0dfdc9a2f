package main

import (
	"context"
	"flag"
	"net"
	"strings"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	corelisters "k8s.io/client-go/listers/core/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
)

const serviceDomain = ".svc.cluster.local."

// names answers pods' questions for the addresses of Services; nothing else has a name here.
type names struct {
	services corelisters.ServiceLister
	slices   discoverylisters.EndpointSliceLister
}

// runNames serves the names of Services until it is told to end.
func runNames() error {
	kubeconfig := flag.String("kubeconfig", "", "the file that names the API server")
	listen := flag.String("listen", "", "address and port to listen on, for UDP")
	flag.Parse()
	client, err := makeClient(*kubeconfig)
	if err != nil {
		return err
	}
	ctx := context.Background()
	factory := informers.NewSharedInformerFactory(client, 0)
	answers := names{
		services: factory.Core().V1().Services().Lister(),
		slices:   factory.Discovery().V1().EndpointSlices().Lister(),
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	server := &dns.Server{Addr: *listen, Net: "udp", Handler: answers}
	return server.ListenAndServe()
}

// ServeDNS answers with IPv4 addresses, with no data for other types, or that the name is not there.
func (n names) ServeDNS(writer dns.ResponseWriter, request *dns.Msg) {
	reply := new(dns.Msg)
	reply.SetReply(request)
	reply.Authoritative = true
	question := request.Question[0]
	addresses, isThere := n.resolve(strings.ToLower(question.Name))
	if !isThere {
		reply.Rcode = dns.RcodeNameError
	} else if question.Qtype == dns.TypeA {
		for _, address := range addresses {
			header := dns.RR_Header{Name: question.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1}
			reply.Answer = append(reply.Answer, &dns.A{Hdr: header, A: net.ParseIP(address)})
		}
	}
	_ = writer.WriteMsg(reply)
}

// resolve returns the addresses of "service.namespace" or, for a headless Service,
// "hostname.service.namespace" in the cluster's domain, and whether there is such a name.
func (n names) resolve(name string) ([]string, bool) {
	path, isOurs := strings.CutSuffix(name, serviceDomain)
	words := strings.Split(path, ".")
	if !isOurs || len(words) < 2 || len(words) > 3 {
		return nil, false
	}
	namespace, service := words[len(words)-1], words[len(words)-2]
	found, err := n.services.Services(namespace).Get(service)
	if err != nil {
		return nil, false
	}
	if found.Spec.ClusterIP != corev1.ClusterIPNone {
		return []string{found.Spec.ClusterIP}, len(words) == 2
	}
	hostname := ""
	if len(words) == 3 {
		hostname = words[0]
	}
	addresses := n.listEndpoints(namespace, service, hostname)
	return addresses, len(words) == 2 || len(addresses) > 0
}

// listEndpoints returns the addresses behind a Service that are ready, or those of one hostname.
func (n names) listEndpoints(namespace, service, hostname string) []string {
	selector := labels.SelectorFromSet(labels.Set{discoveryv1.LabelServiceName: service})
	slices, err := n.slices.EndpointSlices(namespace).List(selector)
	if err != nil {
		return nil
	}
	var addresses []string
	for _, slice := range slices {
		for _, endpoint := range slice.Endpoints {
			isReady := endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready
			isAsked := hostname == "" || (endpoint.Hostname != nil && *endpoint.Hostname == hostname)
			if isReady && isAsked {
				addresses = append(addresses, endpoint.Addresses...)
			}
		}
	}
	return addresses
}
