package permission_test

import (
	"fmt"
	"time"

	"moonwire/server/config"
	"moonwire/server/permission"
)

func ExampleSet() {
	set, err := permission.Compile(&config.Permissions{
		Publish:   config.Rules{Allow: []string{"orders.>"}},
		Subscribe: config.Rules{Allow: []string{"orders.> workers", "prices.*"}, Deny: []string{"prices.secret"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(set.Publish([]byte("orders.new")))
	fmt.Println(set.Subscribe("orders.new", ""), set.Subscribe("orders.new", "workers"))
	fmt.Println(set.Subscribe("prices.>", ""), set.Subscribe("prices.*", ""))
	f := set.Filter("prices.*", "")
	fmt.Println(f.Denies([]byte("prices.gold")), f.Denies([]byte("prices.secret")))
	// Output:
	// true
	// false true
	// false true
	// false true
}

func ExampleReplies() {
	replies := permission.NewReplies(&config.Responses{}) // one answer within two minutes
	now := time.Now()
	replies.Add([]byte("_INBOX.1"), now)
	fmt.Println(replies.Use([]byte("_INBOX.1"), now))
	fmt.Println(replies.Use([]byte("_INBOX.1"), now))
	// Output:
	// true
	// false
}
