SELECT subscription, count(*) FROM rejected GROUP BY subscription
