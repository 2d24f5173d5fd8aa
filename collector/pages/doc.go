// Package pages refuses requests from web pages to ports on loopback. No application sends from a browser, and any site that
// a user of this machine opens could reach these ports. It is a middleware of HTTP servers.
//
// Upstream's HTTP servers only check origins for CORS, which does not stop the request itself.
package pages
