package gather

import "fmt"

// NotSystemAccountError says that the credentials belong to another account.
type NotSystemAccountError struct {
	// Account is the id of the account of the credentials, empty where the
	// server did not say. Name is its other name, if it has one.
	Account, Name string
}

func (e *NotSystemAccountError) Error() string {
	switch {
	case e.Account == "":
		return "these credentials are not of the system account"
	case e.Name != "" && e.Name != e.Account:
		return fmt.Sprintf("these credentials are of account %q (%s), not of the system account", e.Name, e.Account)
	}
	return fmt.Sprintf("these credentials are of account %q, not of the system account", e.Account)
}

// PermissionError says that the server forbids what the audit has to do.
type PermissionError struct {
	// Violation is the server's own sentence, which names the subject.
	Violation string
}

func (e *PermissionError) Error() string {
	return "the user of these credentials lacks a permission: " + e.Violation
}

// SilentError says that not a single server answered.
type SilentError struct {
	// Server is the URL of the server that was asked, without credentials.
	Server string
	// Waited is how long, as text.
	Waited string
}

func (e *SilentError) Error() string {
	return fmt.Sprintf("%s: no server answered the roster request within %s", e.Server, e.Waited)
}
