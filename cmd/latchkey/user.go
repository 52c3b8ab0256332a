package main

type userCmd struct {
	Create userCreateCmd `cmd:"" help:"Make an account, such as the first admin's."`
}
