package settings

import "otelgate/collector/disk"

// Shares of the memory limit: estimates, which tests/e2e/test_overload.py compares with the process' memory.
const (
	// idleMiB is what the gateway takes when nothing comes in, its program's own pages included.
	idleMiB = 64
	// receiveShare of the rest is for requests that are being received, processShare for those being processed. The
	// rest is for batches on their way to the stores, and for garbage.
	receiveShare = 0.1
	processShare = 0.4
	// filesMiB are pages of the program and of the queues' files, which the Go runtime's limit does not count.
	filesMiB = 56
	// batchMiB of the limit allow one more batch for each exporter at the same time.
	batchMiB = 64
	// The spans that `genai` remembers, and the items of each signal that `derive` does, at allMiB and more, where they take
	// a tenth; below, they are fewer in proportion, down to noneMiB.
	allMiB, noneMiB = 512, 96
	indexedSpans    = 100_000
	countedItems    = 1_000_000
	// pieceShare of the limit is the largest piece that is forwarded, if that is less than pieceBytes: the fork and each
	// queue's consumers hold some of these, decoded.
	pieceShare = 1.0 / 128
	pieceBytes = 1_000_000
	// sampleShare of what is free above idleMiB is for samples that wait for Prometheus, which take sampleFactor times
	// their bytes.
	sampleShare, sampleFactor = 0.1, 4
	// messageFactor times its bytes must be free above idleMiB for the largest message: many small spans take so many, decoded.
	messageFactor = 28
)

// largestMessage is the largest request, MiB, and the memory limit that causes it, or 0 if OTELGATE_MAX_MESSAGE_MIB does.
func (s Settings) largestMessage() (mib, memoryLimitMiB int64) {
	limit := s["memory_limit_mib"].(int64)
	fits := (limit - idleMiB) / messageFactor
	if wanted := s["max_message_mib"].(int64); wanted <= fits {
		return wanted, 0
	}
	return fits, limit
}

// GoMemoryLimit is the runtime's soft limit, bytes.
func (s Settings) GoMemoryLimit() int64 {
	return (s["memory_limit_mib"].(int64) - filesMiB) << 20
}

// bounds are what follows from the limits of memory and disk.
func (s Settings) bounds() map[string]any {
	free := float64(s["memory_limit_mib"].(int64)-idleMiB) * (1 << 20)
	queues, consumers := s.queues(), min(10, max(1, (s["memory_limit_mib"].(int64)-idleMiB)/batchMiB))
	largest, limitedBy := s.largestMessage()
	remembered := min(1, float64(s["memory_limit_mib"].(int64)-noneMiB)/(allMiB-noneMiB))
	out := map[string]any{
		"largest_message_mib": largest,
		"largest_message_by":  limitedBy,
		"max_body_size":       largest << 21,
		"indexed_spans":       int64(remembered * indexedSpans),
		"counted_items":       int64(remembered * countedItems),
		"sample_bytes":        int64(sampleShare / sampleFactor * free),
		"piece_bytes":         int64(min(pieceBytes, pieceShare*free)),
		"receive_bytes":       int64(receiveShare * free),
		"process_bytes":       int64(processShare * free),
		"queue_consumers":     consumers,
		"audit_consumers":     min(4, consumers),
		"queues":              queues,
		"queue_size":          s["queue_bytes"],
		"compact_mib":         int64(largestCompact),
	}
	folder := s["data_dir"].(string)
	if space, err := disk.Of(folder); err == nil {
		reserve := space.Reserve(s["queue_reserve_bytes"].(int64))
		least := largest << 20
		out["queue_size"] = space.QueueSize(s["queue_bytes"].(int64), reserve, disk.Used(folder), queues, least)
		out["compact_mib"] = min(largestCompact, max(4, space.Total>>20/20))
	}
	return out
}

// largestCompact is the size in MiB from which an emptied queue file is compacted, on a disk that is not small.
const largestCompact = 100

// queues counts the export queues, with those of the overlays.
func (s Settings) queues() int {
	queues := ownQueues
	for _, overlay := range Overlays {
		if overlay.AskedBy(s) {
			queues += overlay.Queues
		}
	}
	return queues
}
