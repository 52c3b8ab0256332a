package main

type userCmd struct {
	Create userCreateCmd `cmd:"" help:"Make an account, such as the first admin's."`
	Import userImportCmd `cmd:"" help:"Make accounts of the people of another system, with their passwords and apps."`
}
