package config_test

import (
	"fmt"

	"moonwire/server/config"
)

func ExampleParse() {
	args := []string{"--port", "5222", "-D", "--user", "bob", "--pass", "secret"}
	environ := []string{"MOONWIRE_PORT=6222", "MOONWIRE_MAX_PAYLOAD=2MB"}
	cmd, err := config.Parse(args, environ)
	if err != nil {
		fmt.Println(err)
		return
	}
	o := cmd.Options
	fmt.Println(cmd.Action == config.Run, o.Port, o.MaxPayload, o.Debug, o.Username)

	_, err = config.Parse([]string{"--port", "70000"}, environ)
	fmt.Println(err)
	// Output:
	// true 5222 2097152 true bob
	// flag --port: "port": got "70000"; must be a whole number from -1 to 65535
}
