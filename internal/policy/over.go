package policy

// Over fills a preset's figures in and leaves what no preset decides as it is:
// of whom two-factor is required, from when, and the like.
func (p Preset) Over(r Rules) Rules {
	fills := p.Rules()
	r.EmailMethod, r.AppMethod, r.ResetRequiresOtherChannel = fills.EmailMethod, fills.AppMethod, fills.ResetRequiresOtherChannel
	r.TrustedDeviceDays, r.RecoveryKeysViewable = fills.TrustedDeviceDays, fills.RecoveryKeysViewable
	r.PasswordMinLength, r.AppStepsAhead = fills.PasswordMinLength, fills.AppStepsAhead
	r.SessionIdleMinutes, r.SessionLifetimeHours = fills.SessionIdleMinutes, fills.SessionLifetimeHours
	return r
}
