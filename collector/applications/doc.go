// Package applications identifies senders: each application has its own tokens, the services that it may speak for, a
// team, a cost centre, and limits. Its extension authenticates senders; the processor `intake` refuses data of services
// that are not theirs, and `admission` enforces their limits.
//
// The file of OTELGATE_APPLICATIONS_FILE:
//
//	applications:
//	  - name: shop
//	    token_sha256: [2bb80d53...]     # two while one is exchanged for another
//	    services: [shop-web, "shop-*"]
//	    team: retail
//	    cost_center: cc-42
//	    requests_per_second: 50
//	    mib_per_second: 10
//
// The sender of OTELGATE_TOKEN_FILE is the operator, with the stack's own parts, and may speak for every service.
package applications
