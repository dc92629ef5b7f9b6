//go:build !unix && !windows

package history

import (
	"errors"
	"os"
)

func lock(string) (*os.File, bool, error) {
	return nil, false, errors.New("a local folder can't be locked on this system: pass --store a context")
}
