-- Users who have never chosen a theme begin with that of their device, as new ones do.
UPDATE users SET dashboard_theme = 'system' WHERE dashboard_theme = '';
UPDATE users SET conference_theme = 'system' WHERE conference_theme = '';
