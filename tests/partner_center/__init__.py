"""Tests of shared/partner_center."""
