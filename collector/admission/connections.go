package admission

import (
	"fmt"
	"net"
	"net/netip"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

// connections counts what each address has open: each connection of gRPC, and of HTTP those with a request, since a middleware
// of net/http does not see the others. These have time-outs.
type connections struct {
	most int // 0: no bound
	mu   sync.Mutex
	open map[netip.Prefix]int
}

func newConnections(most int) *connections {
	return &connections{most: most, open: map[netip.Prefix]int{}}
}

// take counts one more of a remote `address:port`; its error says that there are too many. `give` may be called more than once.
func (c *connections) take(remote string) (give func(), err error) {
	from, known := network(remote)
	if c.most == 0 || !known {
		return func() {}, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[from] >= c.most {
		return nil, status.Error(codes.Unavailable, fmt.Sprintf(
			"%s has as many connections as OTELGATE_MAX_CONNECTIONS_PER_ADDRESS=%d allows; try again", from, c.most))
	}
	c.open[from]++
	return sync.OnceFunc(func() { c.give(from) }), nil
}

func (c *connections) give(from netip.Prefix) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[from]--; c.open[from] == 0 {
		delete(c.open, from)
	}
}

// network is what counts as one address: of IPv6 the 64 bits of the network, within which a host can choose any address.
// Unix sockets have none.
func network(remote string) (netip.Prefix, bool) {
	parsed, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}, false
	}
	address := parsed.Addr().Unmap().WithZone("")
	found, err := address.Prefix(min(64, address.BitLen()))
	return found, err == nil
}

// bounded are transport credentials that refuse a connection beyond the bound before its handshake.
type bounded struct {
	credentials.TransportCredentials
	take func(remote string) (give func(), err error)
}

// ServerHandshake is part of credentials.TransportCredentials. gRPC closes a connection for which it returns an error.
func (b *bounded) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	give, err := b.take(raw.RemoteAddr().String())
	if err != nil {
		return nil, nil, err
	}
	connection, info, err := b.TransportCredentials.ServerHandshake(&counted{raw, give})
	if err != nil {
		give()
	}
	return connection, info, err
}

// Clone is part of credentials.TransportCredentials.
func (b *bounded) Clone() credentials.TransportCredentials {
	return &bounded{b.TransportCredentials.Clone(), b.take}
}

// counted is a connection that counts until it is closed, or fails: of one that fails early, gRPC closes the connection beneath.
type counted struct {
	net.Conn
	give func()
}

func (c *counted) ended(err error) {
	if err != nil {
		c.give()
	}
}

// Read is part of net.Conn.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.ended(err)
	return n, err
}

// Write is part of net.Conn.
func (c *counted) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.ended(err)
	return n, err
}

// Close is part of net.Conn.
func (c *counted) Close() error {
	c.give()
	return c.Conn.Close()
}
