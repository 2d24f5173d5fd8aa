package diskqueue

// holes are the indexes of a queue at which there is no item: from before a rewind, or refused by the disk. They are
// remembered as ranges, in the order in which the queue comes to them.
type holes []span

type span struct{ from, to uint64 } // to is not in it

// between are the holes among items, which are in the order of their indexes, from index read to index write.
func between(items []stored, read, write uint64) holes {
	var found holes
	for _, item := range items {
		if item.index < read {
			continue
		}
		if item.index > read {
			found = append(found, span{read, item.index})
		}
		read = item.index + 1
	}
	if read < write {
		found = append(found, span{read, write})
	}
	return found
}

// add an index, which is above all that are there.
func (h *holes) add(index uint64) {
	if last := len(*h) - 1; last >= 0 && (*h)[last].to == index {
		(*h)[last].to++
		return
	}
	*h = append(*h, span{index, index + 1})
}

// has says whether index is a hole; those before it are forgotten, as the queue has passed them.
func (h *holes) has(index uint64) bool {
	for len(*h) > 0 && (*h)[0].to <= index {
		*h = (*h)[1:]
	}
	return len(*h) > 0 && (*h)[0].from <= index
}
