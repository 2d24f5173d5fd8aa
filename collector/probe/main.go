// Program probe asks a URL once and exits 0 if the answer is 2xx, 1 if not, 2 if called wrongly.
// Health checks use it in images that have no shell.
package main

import (
	"fmt"
	"net/http"
	"os"
	"time"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: probe URL")
		os.Exit(2)
	}
	client := http.Client{Timeout: 5 * time.Second}
	answer, err := client.Get(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		fmt.Fprintln(os.Stderr, os.Args[1], "answered", answer.Status)
		os.Exit(1)
	}
}
