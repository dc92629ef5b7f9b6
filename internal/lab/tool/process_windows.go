package tool

import "os"

func pauseProcess(*os.Process) error { return ErrPauseUnsupported }

func resumeProcess(*os.Process) error { return ErrPauseUnsupported }

// terminateProcess: Windows has no signal that ends a console program cleanly.
func terminateProcess(p *os.Process) error { return p.Kill() }
