"""What a first hour is measured by: the commands of the pages, and ``make run`` whose processes are killed."""
