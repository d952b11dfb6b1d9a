package server_test

import (
	"bufio"
	"fmt"
	"log"
	"time"

	"moonwire/server"
)

// A broker inside a program, and a client that does not leave the process. Any
// NATS client does it the same way: nats.go takes the broker as an option,
// nats.InProcessServer(broker).
func Example() {
	broker, err := server.New(server.Options{Host: "127.0.0.1", Port: -1})
	if err != nil {
		log.Fatal(err) // names every option that is wrong
	}
	if err := broker.Start(); err != nil {
		log.Fatal(err) // names the address that could not be had
	}
	defer broker.Shutdown()
	fmt.Println("ready:", broker.ReadyForConnections(time.Second))

	conn, err := broker.InProcessConn()
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "CONNECT {\"verbose\":false}\r\nSUB greet.* 1\r\nPUB greet.world 5\r\nhello\r\n")
	in := bufio.NewScanner(conn)
	for range 3 {
		in.Scan()
		if line := in.Text(); line[0] != 'I' { // the first one is the broker's INFO
			fmt.Println(line)
		}
	}
	// Output:
	// ready: true
	// MSG greet.world 1 5
	// hello
}
