"""The cost of the range's calls with another model; prices.py has the models with known prices."""

from otelgate_grafana import prices, variables
from otelgate_grafana.layout import Row
from otelgate_grafana.panels import Column, table
from otelgate_grafana.queries import sql

MODEL = variables.one_of(
    "what_if",
    "What if",
    tuple(prices.MODELS),
    "The table What if calculates the cost of the range with this model.",
)

_QUERY = f"""
WITH prices (model, above, up_to, input, cache_read, cache_write, output) AS (
    VALUES
{prices.values()}
), calls AS (
    SELECT coalesce(m.feature, '(none)') AS feature, coalesce(m.response_model, m.request_model) AS model,
        m.input_tokens, m.output_tokens, m.cost_usd,
        (
            (coalesce(m.input_tokens, 0) - coalesce(m.cache_read_tokens, 0) - coalesce(m.cache_creation_tokens, 0))
                * p.input + coalesce(m.cache_read_tokens, 0) * p.cache_read
            + coalesce(m.cache_creation_tokens, 0) * p.cache_write + coalesce(m.output_tokens, 0) * p.output
        ) / 1e6 AS with_model
    FROM audit.model_calls m
    JOIN prices p ON p.model = {variables.typed("what_if")} AND coalesce(m.input_tokens, 0) > p.above
        AND (p.up_to IS NULL OR coalesce(m.input_tokens, 0) <= p.up_to)
    WHERE m.start_time >= $__timeFrom()::timestamptz AND m.start_time < $__timeTo()::timestamptz
        AND m.duplicate_of IS NULL AND m.operation <> 'embeddings'
        AND analytics.chosen(m.service, {variables.chosen("service")})
        AND analytics.chosen(m.environment, {variables.chosen("environment")})
        AND analytics.chosen(m.agent, {variables.chosen("agent")})
        AND analytics.chosen(m.tier, {variables.chosen("tier")})
)
SELECT CASE WHEN grouping(c.feature) = 1 THEN 'everything' ELSE c.feature END AS feature,
    string_agg(DISTINCT c.model, ', ' ORDER BY c.model) AS models, count(*) AS calls,
    sum(c.input_tokens)::bigint AS input_tokens, sum(c.output_tokens)::bigint AS output_tokens,
    coalesce(sum(c.cost_usd), 0) AS cost_usd, sum(c.with_model) AS with_model,
    (sum(c.with_model) / nullif(sum(c.cost_usd), 0) - 1)::float8 AS change
FROM calls c
GROUP BY ROLLUP (c.feature)
HAVING count(*) > 0
ORDER BY grouping(c.feature) DESC, cost_usd DESC, 1
"""

WHAT_IF = Row(
    "What if",
    table(
        "What if",
        [sql(_QUERY)],
        description="The cost of the range with the model chosen as What if, with the same tokens at its "
        "standard price, by feature: at -60 % the feature is worth a trial. Another model may need more tokens, or "
        "give worse answers: compare versions on Agent performance. Calls without a price count as free now.",
        columns={
            "feature": Column(title="Feature"),
            "models": Column(title="Answered by"),
            "calls": Column(title="Calls", unit="short"),
            "input_tokens": Column(title="Tokens in", unit="short"),
            "output_tokens": Column(title="Tokens out", unit="short"),
            "cost_usd": Column(title="Cost", unit="currencyUSD"),
            "with_model": Column(title="Cost with it", unit="currencyUSD"),
            "change": Column(title="Change", unit="percentunit", thresholds=[(None, "green"), (0, "red")]),
        },
        width=24,
        covers=("F25",),
    ),
)
