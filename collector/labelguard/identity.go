package labelguard

import (
	"strings"
	"unicode"
)

// Words for a person or a conversation, and words that, after one of those, identify it.
var (
	subjects = set("user", "users", "enduser", "session", "conversation")
	whole    = set("userid", "username", "useremail", "enduserid", "sessionid", "conversationid")
	which    = set("id", "ids", "uid", "uuid", "guid", "name", "email", "mail", "phone", "hash", "key", "token",
		"login", "handle", "full", "display", "pseudonym", "ip", "address", "title")
)

// dense takes out what joins the parts of one word, and leaves the dots between words.
var dense = strings.NewReplacer("_", "", "-", "")

func set(words ...string) map[string]bool {
	m := make(map[string]bool, len(words))
	for _, word := range words {
		m[word] = true
	}
	return m
}

// Identity says whether a label of this name tells users, sessions or conversations apart: one series
// each is what no metrics store can hold (per-user numbers come from the audit database). It goes by
// the words of the name, in any spelling (user.id, user_id, userId, enduser.pseudonym,
// gen_ai.conversation.id, langgraph_thread_id), so that `user_agent.name`, `user.tier` and
// `session.type` stay: they have few values. `thread.id` stays too, it is an operating system's thread.
func Identity(name string) bool {
	if strings.HasSuffix(dense.Replace(strings.ToLower(name)), "threadid") {
		return true
	}
	words := split(name)
	for i, word := range words {
		if whole[word] {
			return true
		}
		if !subjects[word] || (i+1 < len(words) && words[i+1] == "agent") {
			continue
		}
		if i == len(words)-1 {
			return true
		}
		for _, later := range words[i+1:] {
			if which[later] {
				return true
			}
		}
	}
	return false
}

// split cuts a name at punctuation and before capitals, in lower case: "app.userId" is app, user, id.
func split(name string) []string {
	var words []string
	var word strings.Builder
	flush := func() {
		if word.Len() > 0 {
			words = append(words, word.String())
			word.Reset()
		}
	}
	upper := false
	for _, r := range name {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			flush()
		case unicode.IsUpper(r) && !upper:
			flush()
			fallthrough
		default:
			word.WriteRune(unicode.ToLower(r))
		}
		upper = unicode.IsUpper(r)
	}
	flush()
	return words
}
