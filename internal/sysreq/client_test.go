package sysreq

import "testing"

// TestRefusedBeforeAnybodyListens: a server may forbid a subscription before whoever
// subscribed listens to what it forbids.
func TestRefusedBeforeAnybodyListens(t *testing.T) {
	t.Parallel()
	c := &Client{listeners: map[int]func(*PermissionError) bool{}}
	early, late := &PermissionError{Operation: Subscribe, Subject: "_INBOX.x.*"}, &PermissionError{Operation: Publish}
	if c.refused(early) {
		t.Error("it is somebody's")
	}
	heard := make(chan *PermissionError, 2)
	listen := func(e *PermissionError) bool { heard <- e; return true }
	stop := c.OnRefusal(listen)
	if e := <-heard; e != early {
		t.Errorf("%+v", e)
	}
	if !c.refused(late) || <-heard != late {
		t.Error("it is not heard of once somebody listens")
	}
	stop()
	c.OnRefusal(listen)
	if len(heard) > 0 {
		t.Errorf("%+v is heard of twice", <-heard)
	}
	alone := &Client{}
	for range 2 * mostUnheard {
		alone.refused(early)
	}
	if n := len(alone.unheard); n != mostUnheard {
		t.Errorf("%d wait", n)
	}
}
