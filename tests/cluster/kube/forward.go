package main

import (
	"flag"
	"io"
	"net"
)

// runForwarder passes connections on from one address of this machine to another.
//
// The API server listens on the loopback alone; pods reach it at the machine's address for them.
func runForwarder() error {
	listen := flag.String("listen", "", "address and port to listen on")
	to := flag.String("to", "", "address and port to pass connections on to")
	flag.Parse()
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go forward(connection, *to)
	}
}

func forward(client net.Conn, address string) {
	defer client.Close()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer server.Close()
	// Either end may close first: the other one is closed with it.
	ended := make(chan struct{}, 2)
	for _, pair := range [][2]net.Conn{{client, server}, {server, client}} {
		go func() {
			_, _ = io.Copy(pair[0], pair[1])
			ended <- struct{}{}
		}()
	}
	<-ended
}
