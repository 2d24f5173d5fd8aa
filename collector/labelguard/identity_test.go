package labelguard

import "testing"

func TestIdentity(t *testing.T) {
	for _, name := range identity.Examples.Identities {
		if !Identity(name) {
			t.Errorf("%s passes as a label", name)
		}
	}
	for _, name := range identity.Examples.Others {
		if Identity(name) {
			t.Errorf("%s is taken for an identity", name)
		}
	}
	if len(identity.Examples.Identities) < 30 || len(identity.Examples.Others) < 15 {
		t.Errorf("examples: %+v", identity.Examples)
	}
}
