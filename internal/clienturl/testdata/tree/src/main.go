package main

// Connects to nats://comment:4222.
func orders() (*nats.Conn, error) {
	return nats.Connect("nats://g1:4222,nats://g2:4222", nats.Name("orders"))
}

func billing() (*nats.Conn, error) {
	opts := nats.Options{
		Servers:     []string{"nats://g3:4222", "nats://g4:4222"},
		NoRandomize: true,
	}
	return opts.Connect()
}

func two() {
	a, _ := nats.Connect("nats://g5:4222")
	b, _ := nats.Connect("nats://g6:4222", nats.DontRandomize())
	/* c, _ := nats.Connect("nats://g7:4222") */
	urls := map[string]string{"dev": "nats://g8", "prod": "nats://g9"}
	d, _ := nats.Connect("nats://" + host + ":4222")
	e, _ := nats.Connect(fmt.Sprintf("nats://%s:%d", host, port))
}
