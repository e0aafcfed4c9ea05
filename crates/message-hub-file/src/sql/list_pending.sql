SELECT pending.sequence, events.subject
FROM pending JOIN events USING (sequence)
WHERE pending.subscription = ?
ORDER BY pending.sequence
