package stores

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.uber.org/zap"

	"otelgate/collector/rejects"
	"otelgate/collector/storeanswers"
)

// sending is one store's way for one signal.
type sending[T any] struct {
	signal[T]
	store  string // the exporter
	send   func(context.Context, T) error
	queue  func(context.Context, T) error // the second one
	pieces int                            // bytes
	most   int                            // items of a request; 0: no bound
	book   rejects.Book
	logger *zap.Logger

	patience patience
	pause    pause
	stop     chan struct{}
}

// first is what the first queue's consumers do with a batch. After an error, what the store does not have is sent again.
func (s *sending[T]) first(ctx context.Context, batch T) error {
	requests := s.requests(batch)
	for n, request := range requests {
		if left, err := s.firstTime(ctx, request); err != nil {
			return s.failed(err, s.join(append([]T{left}, requests[n+1:]...)))
		}
	}
	return nil
}

// requests are what a batch is sent as.
func (s *sending[T]) requests(batch T) []T {
	if s.most == 0 || s.items(batch) <= s.most {
		return []T{batch}
	}
	return s.parts(batch, s.most)
}

// firstTime sends, or puts what the store refuses into the second queue; left is what then is nowhere else.
func (s *sending[T]) firstTime(ctx context.Context, batch T) (left T, err error) {
	err, refused := s.once(ctx, batch)
	if err == nil {
		return left, nil
	}
	if !consumererror.IsPermanent(err) && !(refused && s.patience.ends(time.Now())) {
		return batch, err
	}
	_, reason := s.reason(batch, err)
	s.logger.Info("the store refuses a batch; it goes to the second queue, and the next batches continue",
		zap.String("reason", reason), zap.Int("items", s.items(batch)))
	return s.park(ctx, batch)
}

// once sends, and says whether the store refused this very request.
func (s *sending[T]) once(ctx context.Context, data T) (err error, refused bool) {
	ctx, answer := storeanswers.Watch(ctx)
	if err = s.send(ctx, data); err == nil {
		s.patience.renew()
		return nil, false
	}
	return err, answer.Refused()
}

// park puts the batch into the second queue; left is what is not there after an error.
func (s *sending[T]) park(ctx context.Context, batch T) (left T, err error) {
	all := []T{batch}
	if s.bytes(batch) > s.pieces {
		all = s.cut(batch, s.pieces)
	}
	for n, piece := range all {
		if err := s.queue(ctx, piece); err != nil {
			return s.join(all[n:]), err
		}
	}
	return left, nil
}

// again is what the second queue's consumer does with a piece. The rest of it goes to the end of the queue, so that the
// others in it get their turn, and that nothing is sent twice after a restart. While the store cannot be reached, a piece
// stays.
func (s *sending[T]) again(ctx context.Context, piece T) error {
	whole := s.items(piece)
	left, refused, err := s.deliver(ctx, piece)
	if err == nil {
		return nil
	}
	if refused {
		s.pause.wait(s.stop)
	}
	if (refused || s.items(left) < whole) && s.queue(ctx, left) == nil {
		return nil
	}
	return s.failed(err, left)
}

// deliver sends all that the store takes, and rejects what it refuses for good, item by item. It ends early at what the
// store may take later; left is what then was not sent.
func (s *sending[T]) deliver(ctx context.Context, data T) (left T, refused bool, err error) {
	waiting := s.requests(data)
	for len(waiting) > 0 {
		last := len(waiting) - 1
		piece := waiting[last]
		switch err, refused = s.once(ctx, piece); {
		case err == nil:
			s.pause.reset()
			waiting = waiting[:last]
		case !consumererror.IsPermanent(err):
			return s.join(waiting), refused, err
		case s.items(piece) > 1:
			halves := s.halves(piece)
			waiting = append(waiting[:last], halves[1], halves[0])
		default:
			if s.items(piece) == 1 {
				s.reject(ctx, piece, err)
			}
			waiting = waiting[:last]
		}
	}
	return left, false, nil
}

func (s *sending[T]) reject(ctx context.Context, one T, why error) {
	item := s.describe(one)
	item.Time, item.Signal, item.Store = time.Now().UTC(), s.name, s.store
	item.Bytes, item.Reason = s.reason(one, why)
	s.book.Reject(ctx, item)
	s.logger.Warn("the store refuses an item permanently; it is recorded in "+rejects.File, zap.String("service", item.Service),
		zap.String("application", item.Application), zap.String("reason", item.Reason))
}

// reason is what the store said, without words of the data, whose bytes are counted as well.
func (s *sending[T]) reason(data T, why error) (bytes int, text string) {
	encoded, err := s.encode(data)
	if err != nil { // nothing can be looked for in it
		return 0, "the data cannot be encoded"
	}
	return len(encoded), rejects.ReasonOf(why.Error(), encoded)
}
