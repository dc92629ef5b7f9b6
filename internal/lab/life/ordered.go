package life

import "context"

// ordered: clients that take their list in its order move on to the next server when
// theirs restarts, all together, and others restart after that. By start times alone
// they may as well have come when the others were down.
func ordered() Operation {
	o := Operation{
		Name: "ordered", Title: "the first and the last of three servers restart, one after the other, and clients that take their list in order move on together",
		Topology: three(),
		Do: func(ctx context.Context, w *World) error {
			w.Pause = 3 * pause // as in partly
			w.pass("PLAIN", w.all()...)
			if err := w.passFile("OPTION", "config.yaml", "nats:\n  servers: ["+quoted(w.all())+"]\n  noRandomize: true\n"); err != nil {
				return err
			}
			if err := w.start(ctx,
				App{Account: "OPTION", Name: "pricing", Pods: true, Count: 18, URLs: w.all(), InOrder: true},
				App{Account: "PLAIN", Name: "ledger", Count: 18, URLs: w.all(), InOrder: true},
				App{Account: "QUIET", Name: "mailer", Pods: true, Count: 18, URLs: w.all(), InOrder: true},
			); err != nil {
				return err
			}
			for i := range walkers {
				if err := w.start(ctx, App{Account: walker(i), Name: "app", Pods: i%2 == 0, Count: 21, URLs: w.all()}); err != nil {
					return err
				}
			}
			return w.restart(ctx, n1, n3)
		},
		Cases: []Case{
			{Account: "OPTION", Server: n2, Truth: "ordered-connect", Said: "ordered-connect", Check: leaves("OPTION", shuffled)},
			{Account: "PLAIN", Server: n2, Truth: "ordered-connect", Said: Unknown, Open: []string{"ordered-connect", "restart-drift"}, Check: leaves("PLAIN", shuffled)},
			{Account: "QUIET", Server: n2, Truth: "ordered-connect", Said: Unknown, Open: []string{"ordered-connect", "restart-drift"}, Check: leaves("QUIET", shuffled)},
		},
	}
	for i := range walkers {
		o.Cases = append(o.Cases, Case{Account: walker(i), Server: n2, Perhaps: true, Truth: "restart-drift", Said: "restart-drift", Check: drifted(walker(i))})
	}
	return o
}

// shuffled has the clients of an app take their list in random order.
func shuffled(_ *World, a *App) { a.InOrder = false }
