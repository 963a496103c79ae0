//! Cron: work at times of the calendar.
