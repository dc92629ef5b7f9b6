package plugin

func addDemo(parent Commander, h Host) {}
