package mail

import "time"

// Samples are made-up mails, one or more of each kind, to look at: the gallery
// of `dev` shows them. Nothing here opens anything.
func Samples(now time.Time) []Kind {
	const (
		firefox, here = "Firefox on Windows", "203.0.113.7"
		token         = "made-up-token-that-opens-nothing-0123456789"
	)
	code := CodeMail{
		Code: "482913", Reference: "K7", ValidUntil: now.Add(10 * time.Minute), Device: firefox, Address: here, At: now,
	}
	inSubject := code
	inSubject.CodeInSubject = true
	notice := Notice{Device: firefox, Address: here, At: now, NotMe: token}
	week, month := now.AddDate(0, 0, 7), now.AddDate(0, 0, 30)
	return []Kind{
		VerifyEmail(code), SignInCode(code), SignInCode(inSubject), ConfirmationCode(code), EnrolmentCode(code), EmailChangeCode(code),
		EmailChanged{NewEmail: "ada@new.example", Undo: token, UndoUntil: week, Device: firefox, Address: here, At: now},
		PasswordReset{Token: token, ValidUntil: now.Add(30 * time.Minute), Device: firefox, Address: here, At: now},
		PasswordChanged(notice),
		MethodOn{Method: "app", Label: "Phone", Device: firefox, Address: here, At: now, NotMe: token},
		MethodOn{Method: "app", Label: "New phone", Replaced: true, Device: firefox, Address: here, At: now, NotMe: token},
		MethodOn{Method: "email", Device: firefox, Address: here, At: now, NotMe: token},
		MethodOff{Method: "app", Label: "Phone", Device: firefox, Address: here, At: now, NotMe: token},
		SSOLinked{Provider: "Acme", Account: "ada@acme.example", Device: firefox, Address: here, At: now, NotMe: token},
		SSOUnlinked{Provider: "Acme", Device: firefox, Address: here, At: now, NotMe: token},
		TwoFactorOff(notice), AppReset(notice), RecoveryKeysRegenerated(notice),
		RecoveryKeyUsed{Left: 8, Device: firefox, Address: here, At: now, NotMe: token},
		RecoveryKeysLow{Left: 3}, RecoveryKeysLow{},
		NewDevice(notice),
		PasswordGuessed{Failures: 10, Device: firefox, Address: here, At: now, NotMe: token},
		AccountFrozen{Until: now.Add(24 * time.Hour), Device: firefox, Address: here, At: now, NotMe: token},
		AccountFrozen{Device: firefox, Address: here, At: now, NotMe: token},
		AdminChangedTwoFactor{Change: "required", Reason: "everyone in accounting", From: month, At: now, NotMe: token},
		AdminChangedTwoFactor{Change: "app_reset", Reason: "lost the phone", At: now, NotMe: token},
		TwoFactorRequiredFrom{From: week},
		Invitation{Token: token, ValidUntil: now.Add(72 * time.Hour), InvitedBy: "Grace"},
		RecoveryPass{Pass: "7H2K-9QXM-4TDW-PZ3A", ValidUntil: now.Add(time.Hour), At: now},
		AddressTaken{Device: firefox, Address: here, At: now},
		AddressTaken{Invited: true, Device: firefox, Address: here, At: now},
		AccountDeleted{By: "user", Device: firefox, Address: here, At: now},
		TokenMade{Label: "Backup", ExpiresAt: month, Device: firefox, Address: here, At: now, NotMe: token},
		TokenExpiring{Label: "Backup", ExpiresAt: week},
	}
}
