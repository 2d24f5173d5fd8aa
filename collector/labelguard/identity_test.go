package labelguard

import "testing"

func TestIdentity(t *testing.T) {
	for _, name := range []string{
		"user", "user.id", "user_id", "userId", "userID", "UserId", "USER_ID", "userid", "user.email", "user.full_name",
		"user.name", "enduser.id", "enduser.pseudo.id", "app.user_id", "gen_ai.request.user", "session", "session.id",
		"session_id", "sessionId", "session.previous_id", "conversation.id", "gen_ai.conversation.id",
		"conversation_id", "chat.session_id", "traceloop.association.properties.user_id", "thread_id",
		"langgraph.thread_id", "langgraph_thread_id", "threadId", "metadata.user", "user-id", "conversation.title",
	} {
		if !Identity(name) {
			t.Errorf("%s passes as a label", name)
		}
	}
	for _, name := range []string{
		"service.name", "user_agent.original", "user_agent.name", "user.tier", "user_tier", "session.type",
		"thread.id", "thread.name", "http.route", "gen_ai.agent.name", "db.operation.name", "otelgate.window", "otelgate.audit.kind",
		"process.pid", "tier", "", "...", "superuser_mode", "user.roles",
	} {
		if Identity(name) {
			t.Errorf("%s is taken for an identity", name)
		}
	}
}
