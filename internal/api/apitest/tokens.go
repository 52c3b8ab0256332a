package apitest

// TakesTokens reports whether a described route says that it takes access
// tokens. path is as it is described, without Prefix.
func TakesTokens(method, path string) bool {
	for _, op := range contract().ops {
		if op.route.Method != method || op.route.Path != path || op.route.Operation.Security == nil {
			continue
		}
		for _, one := range *op.route.Operation.Security {
			if _, ok := one["accessToken"]; ok {
				return true
			}
		}
	}
	return false
}
