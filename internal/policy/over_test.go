package policy

import "testing"

func TestAPresetLeavesTheRestAlone(t *testing.T) {
	t.Parallel()
	r := Compatible.Rules()
	r.Require, r.StartsAt, r.GraceDays, r.SignUpOpen, r.RecoveryPassApproval = Everyone, ptr(soon), 3, true, true
	r.ConfirmationMinutes, r.TokenMaxDays, r.CodeInSubject = 7, 30, true
	for _, p := range []Preset{Standard, Strict, Compatible} {
		got := p.Over(r)
		if got.Preset() != p {
			t.Errorf("%s is known as %s", p, got.Preset())
		}
		back := Compatible.Over(got)
		if d := Diff(r, back); d != nil {
			t.Errorf("%s changed what it does not decide: %v", p, d)
		}
	}
}
