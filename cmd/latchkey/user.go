package main

type userCmd struct {
	Create           userCreateCmd           `cmd:"" help:"Make an account, such as the first admin's."`
	List             userListCmd             `cmd:"" help:"List and search accounts."`
	Show             userShowCmd             `cmd:"" help:"Show one account."`
	Require          userRequireCmd          `cmd:"" help:"Require two-factor of somebody, or lift that."`
	DisableTwoFactor userDisableTwoFactorCmd `cmd:"" name:"disable-two-factor" help:"Turn somebody's two-factor off."`
	ResetApp         userResetAppCmd         `cmd:"" name:"reset-app" help:"End somebody's apps; a method is set up again at the next sign-in."`
	Unlock           userUnlockCmd           `cmd:"" help:"Forget somebody's wrong passwords and codes."`
	Role             userRoleCmd             `cmd:"" help:"Change what somebody may do."`
	Import           userImportCmd           `cmd:"" help:"Make accounts of the people of another system, with their passwords and apps."`
}
